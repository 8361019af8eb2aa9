// What Amazon MSK does with the token of an IAM login, for one access key: takes the presigned
// request apart and computes its signature anew.  Written from AWS's description of Signature
// Version 4 and of aws-msk-iam-auth, without a look at the C that it checks.
//
// -Diam.keys=FILE   lines "ACCESS_KEY_ID SECRET [SECONDS]", read at each login; SECONDS: the broker ends
//                   the connection after so long, as MSK does when a token's time is over
// -Diam.region=R
// Each login is a line in the broker's log: "IAM login of ID, token of DATE" or "IAM refusal: WHY".
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

public class IamLogin implements AuthenticateCallbackHandler {
    private static final DateTimeFormatter DATE =
        DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    private record Token(String value, long startMs, long endMs, String principalName) implements OAuthBearerToken {
        @Override public Set<String> scope() { return Set.of(); }
        @Override public long lifetimeMs() { return endMs; }
        @Override public Long startTimeMs() { return startMs; }
    }

    @Override public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> jaas) {}

    @Override public void close() {}

    @Override public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerValidatorCallback validator) {
                try {
                    validator.token(verify(validator.tokenValue()));
                } catch (Exception e) {
                    System.out.println("IAM refusal: " + e.getMessage());
                    validator.error("Access denied", null, null);
                }
            } else if (callback instanceof OAuthBearerExtensionsValidatorCallback) {
                continue;
            } else {
                throw new UnsupportedCallbackException(callback);
            }
        }
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~");
    }

    private static byte[] hmac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String hash(String text) throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest);
    }

    private static void require(boolean holds, String what) throws Exception {
        if (!holds)
            throw new Exception(what);
    }

    private static String[] keyOf(String id) throws Exception {
        for (String line : Files.readAllLines(Path.of(System.getProperty("iam.keys"))))
            if (line.startsWith(id + " "))
                return line.split(" ");
        throw new Exception("unknown access key " + id);
    }

    private static Token verify(String text) throws Exception {
        String region = System.getProperty("iam.region");
        require(text.indexOf('=') < 0, "padding in the token");
        URI uri = URI.create(new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8));
        TreeMap<String, String> query = new TreeMap<>();
        for (String pair : uri.getRawQuery().split("&")) {
            String[] halves = pair.split("=", 2);
            require(query.put(halves[0], URLDecoder.decode(halves[1], StandardCharsets.UTF_8)) == null, "twice " + halves[0]);
        }
        String agent = query.remove("User-Agent"), signature = query.remove("X-Amz-Signature");
        require(agent != null && !agent.isEmpty(), "no User-Agent");
        require("https".equals(uri.getScheme()) && ("kafka." + region + ".amazonaws.com").equals(uri.getHost()) &&
            "/".equals(uri.getPath()), "the address " + uri.getHost() + uri.getPath());
        require("kafka-cluster:Connect".equals(query.get("Action")), "the action " + query.get("Action"));
        require("host".equals(query.get("X-Amz-SignedHeaders")), "the headers " + query.get("X-Amz-SignedHeaders"));
        String date = query.get("X-Amz-Date");
        long start = Instant.from(DATE.parse(date)).toEpochMilli();
        long seconds = Long.parseLong(query.get("X-Amz-Expires")), now = System.currentTimeMillis();
        require(seconds > 0 && seconds <= 900, "so many seconds: " + seconds);
        require(start <= now + 300000 && start + seconds * 1000 > now, "expired");
        String[] scope = query.get("X-Amz-Credential").split("/", 2);
        require(scope[1].equals(date.substring(0, 8) + "/" + region + "/kafka-cluster/aws4_request"), "the scope " + scope[1]);

        StringBuilder canonical = new StringBuilder();
        for (Map.Entry<String, String> e : query.entrySet())
            canonical.append(canonical.length() == 0 ? "" : "&").append(encode(e.getKey())).append('=').append(encode(e.getValue()));
        String request = "GET\n/\n" + canonical + "\nhost:" + uri.getHost() + "\n\nhost\n" + hash("");
        String[] known = keyOf(scope[0]);
        byte[] key = ("AWS4" + known[1]).getBytes(StandardCharsets.UTF_8);
        for (String part : scope[1].split("/"))
            key = hmac(key, part);
        String wanted = HexFormat.of().formatHex(hmac(key, "AWS4-HMAC-SHA256\n" + date + "\n" + scope[1] + "\n" + hash(request)));
        require(wanted.equals(signature), "the signature of " + scope[0]);
        System.out.println("IAM login of " + scope[0] + ", token of " + date);
        long end = known.length > 2 ? now + Long.parseLong(known[2]) * 1000 : start + seconds * 1000;
        return new Token(text, start, end, scope[0]);
    }
}
