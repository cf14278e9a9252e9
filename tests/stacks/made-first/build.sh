for variant in app docs source; do
    docker build -t acme/$variant -f docker/Dockerfile.$variant .
done
