docker build -t acme/web -f docker/Dockerfile.web images
docker build -t acme/api components/api
