docker build -t acme/base base
for name in untagged moving older copied kafka alpine; do
    docker build -t acme/$name $name
done
docker build -t acme/argued --build-arg REGISTRY=docker.io argued
