"""`pulumi-resource-docker` for one machine: builds and pushes `docker:index/image:Image`, and nothing else."""
