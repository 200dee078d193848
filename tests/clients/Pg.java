import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** What tests/clients/pg.py asks through pgjdbc: metadata, binary results after five executions, and rows in portions. */
public final class Pg {
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

    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(arguments[0])) {
            DatabaseMetaData metadata = connection.getMetaData();
            told(count(metadata.getTables(null, "public", "payments", null)) == 1, "pgjdbc lists the tables");
            told(count(metadata.getColumns(null, "public", "payments", "amount")) == 1, "pgjdbc lists the columns");
            told(count(metadata.getPrimaryKeys(null, "public", "payments")) == 0, "pgjdbc asks for primary keys");
            told(count(metadata.getTypeInfo()) > 50, "pgjdbc asks for the types");
            told(count(metadata.getSchemas()) > 3, "pgjdbc lists the schemas");
            count(metadata.getImportedKeys(null, "public", "payments"));
            count(metadata.getIndexInfo(null, "public", "payments", false, false));
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
    }
}
