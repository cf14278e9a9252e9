"""The machine slipway works on: its facts, what it lacks, setup that gets it, doctor that examines it."""
