"""What can go wrong, and the tests that show what slipway does then."""
