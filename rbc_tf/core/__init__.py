"""What every stage uses: values, boxes, types, files and settings."""
