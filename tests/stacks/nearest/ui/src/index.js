document.title = "acme"
