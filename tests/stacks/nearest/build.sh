docker build -t acme/web services/web
docker build -t acme/ui -f ui/docker/Dockerfile ui
docker build -t acme/tools -f tools/Dockerfile .
docker build -t acme/docs -f docs/Dockerfile .
