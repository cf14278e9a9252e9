echo acme
