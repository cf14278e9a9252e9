"""Read the repository as a graph of images, and name each image by its inputs."""
