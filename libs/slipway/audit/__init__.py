"""List the packages that an image holds, describe how slipway built it, and store both beside the image."""
