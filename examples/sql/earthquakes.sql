-- A week of earthquakes: for each day the three networks that saw the most of them, with the strongest of each.
CREATE TABLE quakes (
  id STRING,
  happened TIMESTAMP(3),
  updated TIMESTAMP(3),
  magnitude DOUBLE,
  scale STRING,
  kind STRING,
  status STRING,
  network STRING,
  longitude DOUBLE,
  latitude DOUBLE,
  depth DOUBLE,
  felt INT,
  significance INT,
  place STRING,
  WATERMARK FOR happened AS happened - INTERVAL '1' MINUTE
) WITH ('connector' = 'filesystem', 'path' = 'examples/sql/data/earthquakes.csv', 'format' = 'csv', 'csv.null-literal' = '');

CREATE TABLE networks (
  code STRING,
  name STRING,
  region STRING
) WITH ('connector' = 'filesystem', 'path' = 'examples/sql/data/networks.csv', 'format' = 'csv');

-- A window of each day and network.
CREATE VIEW days AS
SELECT window_start, window_end, network, COUNT(*) AS quakes, MAX(magnitude) AS strongest, AVG(depth) AS depth
FROM TABLE(TUMBLE(TABLE quakes, DESCRIPTOR(happened), INTERVAL '1' DAY))
WHERE kind = 'earthquake'
GROUP BY window_start, window_end, network;

-- The Top-N of each day, and who is behind the code of the network.
SELECT CAST(d.window_start AS DATE) AS `day`, d.place, n.region, d.quakes, d.strongest, CAST(d.depth AS DECIMAL(6, 1)) AS depth_km, n.name AS network
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY quakes DESC, network) AS place FROM days
) AS d
JOIN networks AS n ON d.network = n.code
WHERE d.place <= 3
ORDER BY `day`, place LIMIT 24;
