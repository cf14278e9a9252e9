"""The service's package is found beside these tests, as it is found in /app of its image."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
