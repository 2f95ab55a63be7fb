"""Tables, plots and a page from result files; knows no model."""
