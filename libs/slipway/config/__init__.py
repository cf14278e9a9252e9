"""Read the user's settings: flags, environment, .env, invoke.yaml, pyproject.toml or slipway.toml, pip.

No other room reads the environment.
"""
