/* The tools, resources and prompts that the conformance suite of MCP's makers calls: what it can't
 * try on khub's own, such as images, questions to the client, progress. In no program of khub's. */
#ifndef KHUB_TESTS_MCP_FIXTURES_H
#define KHUB_TESTS_MCP_FIXTURES_H

#include "gateway/mcp.h"

extern const struct mcp_more mcp_fixtures;

#endif
