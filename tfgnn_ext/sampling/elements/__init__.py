"""What flows between the steps of a Beam job."""
