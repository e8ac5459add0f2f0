"""Where models come from: the hub, folders, the bundled ones, devices."""
