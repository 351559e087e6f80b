#include "transport/tls_context_state.h"

#include <gtest/gtest.h>

namespace vmq::transport {
namespace {

TEST(TlsContextState, FindsByExactNameThenByWildcardOfOneLabel) {
    const SslContextPtr exact(SSL_CTX_new(TLS_server_method()));
    const SslContextPtr wild(SSL_CTX_new(TLS_server_method()));
    TlsContextState state;
    state.add_host("a.example.com", exact.get());
    state.add_host("*.example.com", wild.get());
    state.add_host("a.example.com", wild.get());
    EXPECT_EQ(state.find("a.example.com"), exact.get());
    EXPECT_EQ(state.find("A.Example.COM"), exact.get());
    EXPECT_EQ(state.find("b.example.com"), wild.get());
    EXPECT_EQ(state.find("c.b.example.com"), nullptr);
    EXPECT_EQ(state.find("example.com"), nullptr);
    EXPECT_EQ(state.find(".example.com"), nullptr);
    EXPECT_EQ(state.find("*.example.com"), wild.get());
    EXPECT_EQ(state.find(""), nullptr);
    EXPECT_EQ(state.find("localhost"), nullptr);
}

}  // namespace
}  // namespace vmq::transport
