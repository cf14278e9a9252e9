"""Train svc-cat-dog's network, and measure it: ``nox -s train``. It runs in the image, which does not contain it."""
