-- A catalog as the first schema wrote it; never changed, so that migrations are proven from it.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE chunks (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	content_id INTEGER NOT NULL, 
	page_index INTEGER NOT NULL, 
	span_start INTEGER NOT NULL, 
	span_end INTEGER NOT NULL, 
	heading VARCHAR NOT NULL, 
	vector BLOB NOT NULL, 
	CONSTRAINT ck_chunks_ck_chunks_span CHECK (0 <= span_start AND span_start < span_end), 
	CONSTRAINT fk_chunks_content_id_pages FOREIGN KEY(content_id, page_index) REFERENCES pages (content_id, page_index) ON DELETE CASCADE, 
	CONSTRAINT uq_chunks_content_id UNIQUE (content_id, page_index, span_start)
);
CREATE TABLE collections (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	CONSTRAINT uq_collections_name UNIQUE (name)
);
CREATE TABLE contents (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sha256 VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	date VARCHAR, 
	media_type VARCHAR NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	flags JSON NOT NULL, 
	n_pages INTEGER NOT NULL, 
	n_chunks INTEGER NOT NULL, 
	embedder_fingerprint VARCHAR NOT NULL, 
	CONSTRAINT uq_contents_sha256 UNIQUE (sha256, recipe, name)
);
CREATE TABLE document_versions (
	document_id VARCHAR NOT NULL, 
	ordinal INTEGER NOT NULL, 
	content_id INTEGER NOT NULL, 
	added_at VARCHAR NOT NULL, 
	CONSTRAINT pk_document_versions PRIMARY KEY (document_id, ordinal), 
	CONSTRAINT fk_document_versions_content_id_contents FOREIGN KEY(content_id) REFERENCES contents (id), 
	CONSTRAINT fk_document_versions_document_id_documents FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE
);
CREATE TABLE documents (
	id VARCHAR NOT NULL, 
	source_id INTEGER NOT NULL, 
	path VARCHAR NOT NULL, 
	content_id INTEGER NOT NULL, 
	CONSTRAINT pk_documents PRIMARY KEY (id), 
	CONSTRAINT fk_documents_content_id_contents FOREIGN KEY(content_id) REFERENCES contents (id), 
	CONSTRAINT fk_documents_source_id_sources FOREIGN KEY(source_id) REFERENCES sources (id) ON DELETE CASCADE, 
	CONSTRAINT uq_documents_source_id UNIQUE (source_id, path)
);
CREATE TABLE generations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	created_at VARCHAR NOT NULL, 
	embedder_fingerprint VARCHAR NOT NULL
);
CREATE TABLE grants (
	group_id INTEGER NOT NULL, 
	collection_id INTEGER NOT NULL, 
	CONSTRAINT pk_grants PRIMARY KEY (group_id, collection_id), 
	CONSTRAINT fk_grants_collection_id_collections FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	CONSTRAINT fk_grants_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);
CREATE TABLE groups (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	CONSTRAINT pk_groups PRIMARY KEY (id), 
	CONSTRAINT uq_groups_name UNIQUE (name)
);
CREATE TABLE memberships (
	user_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	CONSTRAINT pk_memberships PRIMARY KEY (user_id, group_id), 
	CONSTRAINT fk_memberships_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_memberships_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE pages (
	content_id INTEGER NOT NULL, 
	page_index INTEGER NOT NULL, 
	page_number INTEGER, 
	text VARCHAR NOT NULL, 
	CONSTRAINT pk_pages PRIMARY KEY (content_id, page_index), 
	CONSTRAINT fk_pages_content_id_contents FOREIGN KEY(content_id) REFERENCES contents (id) ON DELETE CASCADE
);
CREATE TABLE rejections (
	source_id INTEGER NOT NULL, 
	path VARCHAR NOT NULL, 
	sha256 VARCHAR, 
	recipe VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	detail VARCHAR NOT NULL, 
	CONSTRAINT pk_rejections PRIMARY KEY (source_id, path), 
	CONSTRAINT fk_rejections_source_id_sources FOREIGN KEY(source_id) REFERENCES sources (id) ON DELETE CASCADE
);
CREATE TABLE segments (
	id INTEGER NOT NULL, 
	vectors_sha256 VARCHAR NOT NULL, 
	postings_sha256 VARCHAR NOT NULL, 
	n_chunks INTEGER NOT NULL, 
	CONSTRAINT pk_segments PRIMARY KEY (id)
);
CREATE TABLE sources (
	id INTEGER NOT NULL, 
	collection_id INTEGER NOT NULL, 
	root VARCHAR NOT NULL, 
	CONSTRAINT pk_sources PRIMARY KEY (id), 
	CONSTRAINT fk_sources_collection_id_collections FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	CONSTRAINT uq_sources_collection_id UNIQUE (collection_id, root)
);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	suspended BOOLEAN NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT ck_users_ck_users_role CHECK (role IN ('employee', 'evaluator', 'admin')), 
	CONSTRAINT uq_users_name UNIQUE (name)
);
CREATE INDEX ix_memberships_group_id ON memberships (group_id);
CREATE INDEX ix_grants_collection_id ON grants (collection_id);
CREATE INDEX ix_documents_content_id ON documents (content_id);
CREATE INDEX ix_document_versions_content_id ON document_versions (content_id);
INSERT INTO collections VALUES (1, 'docs');
INSERT INTO groups VALUES (1, 'staff');
INSERT INTO users VALUES (1, 'ann', 'employee', 0);
INSERT INTO memberships VALUES (1, 1);
INSERT INTO grants VALUES (1, 1);
INSERT INTO sources VALUES (1, 1, '/files');
INSERT INTO contents VALUES (1, 'abc', 'r1', '', 'Guide', '2024-05-01', 'text/plain', 10, '["encoding-guessed"]', 1, 1, 'fake-256');
INSERT INTO pages VALUES (1, 0, 1, 'Old words.');
INSERT INTO documents VALUES ('d1', 1, 'guide.txt', 1);
INSERT INTO document_versions VALUES ('d1', 1, 1, '2024-06-01T00:00:00+00:00');
INSERT INTO rejections VALUES (1, 'bad.pdf', NULL, 'r1', 'corrupt', 'Repair it.');
INSERT INTO generations VALUES (1, '2024-06-01T00:00:00+00:00', 'fake-256');
COMMIT;
