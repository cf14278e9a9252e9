"""Read the user's settings: flags, environment, .env, pyproject.toml, pip.

No other room reads the environment.
"""
