-- A small shop: what examples/quickstart loads into /rds/shop.
CREATE TABLE Customer (
  Id INTEGER PRIMARY KEY,
  Name TEXT NOT NULL,
  City TEXT
);
CREATE TABLE Product (
  Sku TEXT PRIMARY KEY,
  Title TEXT NOT NULL,
  Price REAL NOT NULL CHECK (Price >= 0)
);
CREATE TABLE Sale (
  Id INTEGER PRIMARY KEY,
  CustomerId INTEGER NOT NULL REFERENCES Customer (Id),
  Sku TEXT NOT NULL REFERENCES Product (Sku),
  Qty INTEGER NOT NULL DEFAULT 1
);
INSERT INTO Customer VALUES (1, 'Ada', 'Lisbon'), (2, 'Grace', 'Porto'), (3, 'Edsger', 'Lisbon');
INSERT INTO Product VALUES ('BK-204', 'Notebook', 9.9), ('PN-011', 'Fountain pen', 30.2), ('IN-001', 'Ink', 4.5);
INSERT INTO Sale VALUES (1, 1, 'BK-204', 3), (2, 1, 'PN-011', 1), (3, 2, 'IN-001', 2), (4, 3, 'BK-204', 1);
