-- sales-of-a-day
select sum(qtysold) from sales, date where sales.dateid = date.dateid and caldate = '2008-01-05';
-- top-buyers
select firstname, lastname, total_quantity from (select buyerid, sum(qtysold) total_quantity from sales group by buyerid order by total_quantity desc, buyerid limit 10) q, users where q.buyerid = userid order by q.total_quantity desc, userid;
-- top-sellers
select sellerid, username, (firstname || ' ' || lastname) as name, city, sum(qtysold) as sold, sum(pricepaid) as paid from sales, date, users where sales.sellerid = users.userid and sales.dateid = date.dateid and year = 2008 and city = 'Omaha' group by sellerid, username, name, city order by 5 desc, 1 limit 5;
-- sales-by-quarter
select qtr, sum(qtysold) as tickets, sum(pricepaid) as paid, count(*) as sales from sales join date on sales.dateid = date.dateid group by qtr order by qtr;
-- sales-by-month-and-category
select d.month, c.catname, sum(s.pricepaid) as paid, sum(s.commission) as commission from sales s join event e on s.eventid = e.eventid join category c on e.catid = c.catid join date d on s.dateid = d.dateid group by d.month, c.catname having sum(s.qtysold) > 100 order by d.month, c.catname;
-- events-by-venue
select venuename, venuecity, venuestate, count(*) as events from event, venue where event.venueid = venue.venueid group by venuename, venuecity, venuestate order by events desc, venuename limit 20;
-- top-events-by-percentile
select eventname, total_price from (select eventid, total_price, ntile(1000) over (order by total_price desc, eventid) as percentile from (select eventid, sum(pricepaid) total_price from sales group by eventid) t) q, event e where q.eventid = e.eventid and percentile = 1 order by total_price desc, e.eventid;
-- percentiles
select c.catname, cast(percentile_cont(0.5) within group (order by s.pricepaid) as decimal(12,2)) as median, cast(percentile_cont(0.9) within group (order by s.pricepaid) as decimal(12,2)) as p90, percentile_disc(0.9) within group (order by s.qtysold) as d90 from sales s join event e using (eventid) join category c using (catid) group by c.catname order by c.catname;
-- never-sold
select count(*) from listing left join sales on sales.listid = listing.listid where sales.salesid is null;
-- listings-and-sales
select c.catgroup, count(distinct l.listid) as listings, count(distinct s.listid) as sold, round(avg(l.priceperticket), 2) as price from listing l join event e on l.eventid = e.eventid join category c on e.catid = c.catid left join sales s on s.listid = l.listid group by c.catgroup order by c.catgroup;
-- likes
select state, count(case when likesports then 1 end) as sports, count(*) - count(likeopera) as opera_unknown from users group by state order by state;
-- running-total
select month, paid, sum(paid) over (order by month rows unbounded preceding) as so_far, rank() over (order by paid desc) as place from (select extract(month from saletime) as month, sum(pricepaid) as paid from sales group by 1) m order by month;
-- holidays
select d.holiday, count(*) as days, sum(s.sold) as sold from date d join (select dateid, sum(qtysold) as sold from sales group by dateid) s on s.dateid = d.dateid group by d.holiday order by d.holiday;
-- both-sell-and-buy
select count(*) from (select sellerid from sales intersect select buyerid from sales) both_of_them;
-- names-of-events
select upper(substring(eventname, 1, 1)) as letter, count(distinct eventname) as names, max(length(eventname)) as longest from event group by 1 order by 1;
-- the-week-of-the-most
with weeks as (select d.week, sum(s.pricepaid) as paid from sales s, date d where s.dateid = d.dateid group by d.week) select week, paid from weeks where paid = (select max(paid) from weeks);
-- late-sales
select count(*) as sales, sum(pricepaid - commission) as kept, min(saletime) as first, max(saletime) as last from sales where saletime between '2008-11-01' and '2008-12-31 23:59:59' and qtysold in (1, 2, 4) and not exists (select 1 from event e where e.eventid = sales.eventid and e.eventname like 'M%');
