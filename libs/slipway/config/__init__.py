"""Read the user's settings: flags, environment, .env, pyproject.toml, pip. Only this room reads the environment."""
