"""The API: what people and machines see and steer the site by. Routes of both HTTP listeners, without the listeners."""
