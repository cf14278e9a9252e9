"""Run slipway as ``python -m slipway.tasks``."""

from slipway.tasks.program import main

if __name__ == "__main__":
    main()
