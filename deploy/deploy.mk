# How the exporter is shipped: each target makes or checks one form of it.
# `make help` lists these too.

.PHONY: image-check
image-check: ## Build the image with buildah, without a network, and run it
	$(call heading,image)
	@e2e/image-check
