"""Moving in: everything that another registry keeps comes here, with its ids, numbers and times."""
