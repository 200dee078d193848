import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.OffsetDateTime;

/**
 * What tests/clients/pg.py asks through pgjdbc: metadata, binary results after five executions, and rows in portions. What tls.py
 * beside it asks: who is let in, and what is cancelled.
 */
public final class Pg {
    /** Payments in euros and dollars of January, but for its last hours in UTC and those of an amount. */
    private static final int IN_JANUARY = 831;

    private Pg() {}

    private static void told(boolean ok, String what) {
        System.out.println((ok ? "ok    " : "WRONG ") + what);
        if (!ok) {
            System.exit(1);
        }
    }

    private static int count(ResultSet rows) throws SQLException {
        int count = 0;
        while (rows.next()) {
            count++;
        }
        return count;
    }

    /** What Metabase, DBeaver and other tools ask the driver for. */
    private static void bi(Connection connection, DatabaseMetaData metadata) throws SQLException {
        told(count(metadata.getCatalogs()) == 1, "pgjdbc lists the catalogs");
        told(count(metadata.getSchemas(null, "public")) == 1, "pgjdbc finds a schema");
        told(count(metadata.getTableTypes()) > 3, "pgjdbc lists the kinds of tables");
        told(metadata.getSQLKeywords().contains("abort"), "pgjdbc lists the words that are no others'");
        told(metadata.getMaxColumnNameLength() == 63, "pgjdbc asks how long names are");
        try (ResultSet views = metadata.getTables(null, null, "declines", new String[] {"VIEW"})) {
            told(views.next() && "public".equals(views.getString("TABLE_SCHEM")), "pgjdbc lists the views");
        }
        try (ResultSet columns = metadata.getColumns(null, "public", "payments", "%")) {
            boolean isFound = false;
            while (columns.next()) {
                if ("amount".equals(columns.getString("COLUMN_NAME"))) {
                    isFound = columns.getInt("DATA_TYPE") == Types.NUMERIC && "numeric".equals(columns.getString("TYPE_NAME"))
                        && columns.getInt("COLUMN_SIZE") == 18 && columns.getInt("DECIMAL_DIGITS") == 3 && columns.getInt("ORDINAL_POSITION") == 6;
                }
            }
            told(isFound, "pgjdbc tells a column's type and place");
        }
        told(count(metadata.getColumns(null, null, "%", "%")) > 1000, "pgjdbc lists all columns of all tables");
        told(count(metadata.getBestRowIdentifier(null, "public", "payments", DatabaseMetaData.bestRowSession, true)) == 0, "pgjdbc asks what tells rows apart");
        told(count(metadata.getVersionColumns(null, "public", "payments")) > 0, "pgjdbc asks for columns of versions");
        count(metadata.getTablePrivileges(null, "public", "payments"));
        count(metadata.getColumnPrivileges(null, "public", "payments", "%"));
        told(true, "pgjdbc asks for privileges");
        told(count(metadata.getFunctions(null, "pg_catalog", "version")) == 1, "pgjdbc lists the functions");
        count(metadata.getFunctionColumns(null, "pg_catalog", "version", "%"));
        count(metadata.getProcedures(null, "public", "%"));
        count(metadata.getProcedureColumns(null, "public", "%", "%"));
        count(metadata.getUDTs(null, "public", "%", null));
        told(true, "pgjdbc asks for procedures and types of one's own");
        connection.setReadOnly(true);
        connection.setSchema("system");
        try (Statement statement = connection.createStatement()) {
            told("system".equals(connection.getSchema()) && statement.executeQuery("select count(*) from sync_state").next(), "pgjdbc goes to another schema");
        }
        connection.setSchema("public");
        told("public".equals(connection.getSchema()) && "checkout".equals(connection.getCatalog()) && connection.isValid(5), "pgjdbc asks where it is");
        try (Statement statement = connection.createStatement()) {
            ResultSetMetaData columns = statement.executeQuery("select id, amount, requested_on from payments limit 1").getMetaData();
            told(columns.getPrecision(2) == 18 && columns.getScale(2) == 3 && "numeric".equals(columns.getColumnTypeName(2))
                && columns.isNullable(2) != ResultSetMetaData.columnNoNulls && !columns.isAutoIncrement(1), "pgjdbc tells an answer's columns");
            ResultSet rows = statement.executeQuery("select requested_on, amount from payments order by requested_on limit 1");
            rows.next();
            told(rows.getObject(1, OffsetDateTime.class).isEqual(OffsetDateTime.parse("2025-12-31T00:32:34.147868Z")), "pgjdbc reads a time with its zone");
            told(!statement.executeQuery("select true as \"_\" from \"public\".\"payments\" where 1 <> 1 limit 0").next(), "Metabase may read a table");
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "select count(*) from payments where requested_on >= ? and requested_on < ? and currency = any(?) and amount <> all(?)")) {
            statement.setObject(1, OffsetDateTime.parse("2026-01-01T00:00:00Z"));
            statement.setObject(2, OffsetDateTime.parse("2026-02-01T00:00:00+04:00"));
            statement.setArray(3, connection.createArrayOf("text", new String[] {"EUR", "USD"}));
            statement.setArray(4, connection.createArrayOf("numeric", new BigDecimal[] {new BigDecimal("20.5")}));
            for (int execution = 0; execution < 7; execution++) {
                ResultSet rows = statement.executeQuery();
                told(rows.next() && rows.getInt(1) == IN_JANUARY, "pgjdbc binds times and lists");
            }
        }
        connection.setReadOnly(false);
    }

    private static void refused(String url, String state, String what) {
        try (Connection connection = DriverManager.getConnection(url)) {
            told(false, what);
        } catch (SQLException error) {
            told(state.equals(error.getSQLState()), what);
        }
    }

    /** Passwords over TLS: the right one, a wrong one, and the right one without TLS. */
    private static void login(String right, String wrong, String plain, String amount) throws SQLException {
        refused(wrong, "28P01", "pgjdbc with another password is not let in");
        refused(plain, "28000", "pgjdbc without TLS is not let in");
        try (Connection connection = DriverManager.getConnection(right); Statement statement = connection.createStatement()) {
            ResultSet rows = statement.executeQuery("select " + amount + "::decimal(38,8)");
            told(rows.next() && rows.getBigDecimal(1).equals(new BigDecimal(amount)), "pgjdbc is let in by a password over TLS, and reads amounts exactly");
            statement.setQueryTimeout(1);
            try {
                statement.executeQuery("select count(*) from generate_series(1, 1000000000000)");
                told(false, "pgjdbc cancels a statement that takes too long");
            } catch (SQLException error) {
                // The server's own limit would say otherwise.
                told("57014".equals(error.getSQLState()) && error.getMessage().contains("user request"), "pgjdbc cancels a statement that takes too long");
            }
            told(statement.executeQuery("select 1").next(), "and its connection goes on");
        }
    }

    public static void main(String[] arguments) throws SQLException {
        if (arguments.length == 1) {
            asked(arguments[0]);
        } else {
            login(arguments[0], arguments[1], arguments[2], arguments[3]);
        }
    }

    private static void asked(String url) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url)) {
            DatabaseMetaData metadata = connection.getMetaData();
            told(count(metadata.getTables(null, "public", "payments", null)) == 1, "pgjdbc lists the tables");
            told(count(metadata.getColumns(null, "public", "payments", "amount")) == 1, "pgjdbc lists the columns");
            told(count(metadata.getPrimaryKeys(null, "public", "payments")) == 0, "pgjdbc asks for primary keys");
            told(count(metadata.getTypeInfo()) > 50, "pgjdbc asks for the types");
            told(count(metadata.getSchemas()) > 3, "pgjdbc lists the schemas");
            told(count(metadata.getImportedKeys(null, "public", "payments")) == 0, "pgjdbc asks for foreign keys");
            told(count(metadata.getExportedKeys(null, "public", "payments")) == 0, "pgjdbc asks who has them");
            told(count(metadata.getCrossReference(null, "public", "payments", null, "public", "disputes")) == 0, "pgjdbc asks for both");
            told(count(metadata.getIndexInfo(null, "public", "payments", false, false)) == 0, "pgjdbc asks for indexes");
            bi(connection, metadata);
            try (PreparedStatement statement = connection.prepareStatement(
                    "select amount, requested_on from payments where amount > ? and currency = ? order by id limit 1")) {
                BigDecimal first = null;
                for (int execution = 0; execution < 8; execution++) {
                    statement.setBigDecimal(1, new BigDecimal("10.005"));
                    statement.setString(2, "EUR");
                    ResultSet rows = statement.executeQuery();
                    rows.next();
                    first = first == null ? rows.getBigDecimal(1) : first;
                    told(first.equals(rows.getBigDecimal(1)) && rows.getTimestamp(2) != null, "pgjdbc execution " + (execution + 1));
                }
            }
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.setFetchSize(7);
                int fetched = count(statement.executeQuery("select id from payments"));
                ResultSet rows = statement.executeQuery("select count(*) from payments");
                rows.next();
                told(rows.getInt(1) == fetched, "pgjdbc fetches in portions");
            }
            connection.commit();
        }
        try (Connection connection = DriverManager.getConnection(url + "&currentSchema=system"); Statement statement = connection.createStatement()) {
            told(statement.executeQuery("select count(*) from sync_state").next(), "pgjdbc begins in another schema");
        }
    }
}
