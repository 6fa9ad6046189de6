"""The database, its tables and migrations, recordings in a folder or a bucket, backup, retention, personal data.

Every table is in app.storage.tables; rooms above read and write through the classes here or with a Database.
"""
