"""What legacy REST clients know, said in the graph: operations for each REST call, and shapes back."""
