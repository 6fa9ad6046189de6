"""Training data: manifests, checks, augmentation, features, synthetic speech, text."""
