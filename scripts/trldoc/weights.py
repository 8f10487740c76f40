def fetch(cache): raise NotImplementedError
