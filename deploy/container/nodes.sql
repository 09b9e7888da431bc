-- The three nodes of compose.yaml, at the addresses that it gives them.
INSERT INTO clusterer (cluster_id, machine_id, url, description) VALUES
    (1, 1, 'bin:172.30.77.11:5566', 'node-1'),
    (1, 2, 'bin:172.30.77.12:5566', 'node-2'),
    (1, 3, 'bin:172.30.77.13:5566', 'node-3');
