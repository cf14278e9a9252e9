"""Probe the service in this container: ``python -m servicekit.health``.

The exit status is 0 when the service is ready. When it is not, the probe prints the cause and exits with 1.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    url = f"http://127.0.0.1:{os.environ.get('UVICORN_PORT', '8080')}/ready"
    try:
        with urllib.request.urlopen(url, timeout=4) as reply:
            reply.read()
    except urllib.error.HTTPError as error:
        print(f"{url}: {error.code} {error.read(500).decode(errors='replace')}")
        return 1
    except OSError as error:
        print(f"{url}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
