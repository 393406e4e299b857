"""What half precision changes in the predictions."""
