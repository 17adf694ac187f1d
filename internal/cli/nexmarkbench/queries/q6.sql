-- As published, q6 is an OVER aggregation of a ranking, which Flink cannot run on unbounded input. This is what it means: the average price that each seller got in the last ten auctions, a Top-N below a grouping.
CREATE TABLE q6 (seller BIGINT, avg_price BIGINT) WITH (${SINK});
INSERT INTO q6
SELECT seller, AVG(price)
FROM (
  SELECT seller, price, ROW_NUMBER() OVER (PARTITION BY seller ORDER BY bid_dateTime DESC, id DESC) AS latest
  FROM (
    SELECT A.id, A.seller, B.price, B.`dateTime` AS bid_dateTime,
      ROW_NUMBER() OVER (PARTITION BY A.id ORDER BY B.price DESC, B.`dateTime` ASC) AS rownum
    FROM auction A, bid B
    WHERE A.id = B.auction AND B.`dateTime` BETWEEN A.`dateTime` AND A.expires
  )
  WHERE rownum <= 1
)
WHERE latest <= 10
GROUP BY seller;
