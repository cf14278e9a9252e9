echo acme starts
