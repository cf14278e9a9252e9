"""Define values and small mechanisms that all rooms use: errors, image references, commands, units, retries."""
