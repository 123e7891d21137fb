# SPDX-License-Identifier: Apache-2.0
# Warnings, hardening and sanitizers: one interface target that every target of ours links.
add_library(holdpoint_compile INTERFACE)
target_compile_definitions(holdpoint_compile INTERFACE _GNU_SOURCE
	HOLDPOINT_VERSION="${PROJECT_VERSION}")
target_compile_options(holdpoint_compile INTERFACE -Wall -Wextra -Werror -Wshadow
	$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes$<SEMICOLON>-Wmissing-prototypes>
	-Wpointer-arith -Wundef -Wvla -Wformat=2 -Wwrite-strings
	-fno-strict-aliasing -fno-common
	# Clang counts {NULL}, the end of a table, as a field forgotten, and knows no va_list functions.
	$<$<C_COMPILER_ID:Clang>:-Wno-missing-field-initializers;-Wno-format-nonliteral -Wno-string-concatenation>)
if(HOLDPOINT_SANITIZE)
	target_compile_options(holdpoint_compile INTERFACE
		-fsanitize=${HOLDPOINT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
	target_link_options(holdpoint_compile INTERFACE -fsanitize=${HOLDPOINT_SANITIZE})
else()
	target_compile_options(holdpoint_compile INTERFACE -fstack-protector-strong
		-fstack-clash-protection -fcf-protection)
	target_compile_definitions(holdpoint_compile INTERFACE
		$<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
	target_link_options(holdpoint_compile INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(HOLDPOINT_FUZZ)
	target_compile_options(holdpoint_compile INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(HOLDPOINT_COVERAGE)
	# Atomic, for threads count too; no inlining, for lines to keep their places.
	target_compile_options(holdpoint_compile INTERFACE --coverage -fprofile-update=atomic
		-fno-inline)
	target_link_options(holdpoint_compile INTERFACE --coverage)
endif()
# Assertions stay on in production: an impossible state must not decide anything.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
