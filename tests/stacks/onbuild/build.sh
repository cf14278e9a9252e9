for name in base-image base-notebook ml-notebook; do
    docker build -t acme/$name images/$name
done
