-- The three auctions with the most bids in every ten seconds of the Nexmark benchmark's stream of events.
CREATE TABLE events (
  event_type INT,
  person ROW<id BIGINT, name VARCHAR, emailAddress VARCHAR, creditCard VARCHAR, city VARCHAR, state VARCHAR, `dateTime` TIMESTAMP(3), extra VARCHAR>,
  auction ROW<id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT, reserve BIGINT, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra VARCHAR>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, `dateTime` TIMESTAMP(3), extra VARCHAR>,
  ts AS COALESCE(bid.`dateTime`, auction.`dateTime`, person.`dateTime`),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'nexmark', 'events.num' = '500000', 'next-event.rate' = '10000');

CREATE VIEW bids AS
SELECT bid.auction AS auction, bid.price AS price, ts FROM events WHERE event_type = 2;

SELECT window_start, place, auction, bids, best
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY bids DESC, auction) AS place
  FROM (
    SELECT window_start, window_end, auction, COUNT(*) AS bids, MAX(price) AS best
    FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))
    GROUP BY window_start, window_end, auction
  )
)
WHERE place <= 3;
