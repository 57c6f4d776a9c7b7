"""The web app: pages by Streamlit, routes and middleware by Starlette, in one process."""
