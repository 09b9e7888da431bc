-- The tables of OpenSIPS 2.2 in which clusterer's nodes are provisioned, for MySQL.
-- Printed by `clustererctl db schema mysql`. `clustererctl db init` makes the same.
--   mysql DATABASE < mysql.sql
-- (it stops at the first error)
CREATE TABLE IF NOT EXISTS `version` (
    table_name CHAR(32) NOT NULL,
    table_version INT UNSIGNED DEFAULT 0 NOT NULL,
    UNIQUE (table_name)
) ENGINE=InnoDB;
CREATE TABLE `clusterer` (
    `id` INT(10) AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `cluster_id` INT(10) NOT NULL,
    `machine_id` INT(10) NOT NULL,
    `url` CHAR(64) NOT NULL,
    `state` INT(1) DEFAULT 1 NOT NULL,
    `last_attempt` BIGINT(64) UNSIGNED DEFAULT 0 NOT NULL,
    `failed_attempts` INT(10) DEFAULT 3 NOT NULL,
    `no_tries` INT(10) DEFAULT 0 NOT NULL,
    `duration` INT(10) DEFAULT 30 NOT NULL,
    `description` CHAR(64) DEFAULT NULL,
    UNIQUE (`cluster_id`, `machine_id`)
) ENGINE=InnoDB;
INSERT INTO `version` (table_name, table_version) VALUES ('clusterer', 1);
