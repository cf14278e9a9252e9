docker build -t acme/server --target runtime server
docker build -t acme/server-dev --target dev server
for name in audit search; do
    docker build -t acme/$name plugins/$name
done
