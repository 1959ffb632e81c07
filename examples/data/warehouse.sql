create table pages (
	page integer not null,
	title varchar(40))
diststyle all;

create table visits (
	visit integer not null distkey,
	page integer not null,
	visitor varchar(20),
	seconds integer,
	at timestamp sortkey);

insert into pages values (1, 'Home'), (2, 'Prices'), (3, 'Documentation');
