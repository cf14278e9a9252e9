echo acme lints
