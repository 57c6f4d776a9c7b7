"""What people use through their desk: each service checks who asks at every call."""
