arguments() { sed 's/^/--build-arg /' "notebook/$1.conf"; }
docker build -t acme/minimal $(arguments minimal) notebook
docker build -t acme/science $(arguments science) --build-arg "PACKAGES=numpy scipy" notebook
docker build -t acme/edition --build-arg VERSION=2.4 edition
