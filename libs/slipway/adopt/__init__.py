"""Know what a foreign repository already says about its images, and propose slipway's table for it."""
