"""The FastAPI arms: one application, four ways to predict."""
