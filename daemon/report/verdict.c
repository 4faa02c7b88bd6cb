/* What the ratios of a document say, all of them together: decided once, when everything has been measured. */
#include "report_internal.h"

/* A machine that sees more than this where there is nothing cannot say that there is nothing. */
#define FLOOR_MOST 0.10

/* What this machine sees where there is nothing to see: the outer end of the widest A/A row of a kind; 0 = not known. */
static double floor_of(const struct bd_run_document *doc, const char *kind)
{
	double most = 0;
	for (size_t i = 0; i < doc->noise_len; i++) {
		const struct bd_noise *n = &doc->noise[i];
		if (!bd_streq(n->kind, kind))
			continue;
		bool known = !isnan(n->lo) && !isnan(n->hi);
		most = fmax(most, fabs(log(known ? n->lo : n->ratio)));
		most = fmax(most, fabs(log(known ? n->hi : n->ratio)));
	}
	return expm1(most);
}

static double limit_for(const struct bd_run_document *doc, bool second_process, double asked)
{
	if (!isnan(asked))
		return asked;
	double own = floor_of(doc, second_process ? "second-process" : "same-process"),
	       other = floor_of(doc, second_process ? "same-process" : "second-process");
	return fmax(BD_STATS_EQUIVALENCE, fmin(own > 0 ? own : other, FLOOR_MOST));
}

static const char *verdict_of(const struct bd_cell_result *c, bool explained)
{
	const struct bd_ratio *r = c->ratio;
	if (isnan(r->lo) || isnan(r->hi))
		return "undecided";
	/* The interval is that of this cell alone, the p that of all together: who is to be told of a change sees both say so. */
	if (c->p_adjusted < BD_STATS_ALPHA && (r->lo > 1 || r->hi < 1))
		return explained ? "undecided" : r->lo > 1 ? "slower" : "faster";
	if (r->lo >= 1 / (1 + c->equivalence) && r->hi <= 1 + c->equivalence)
		return "no difference";
	return "undecided";
}

void report_judge(struct bd_run_document *doc, struct judged *v, double equivalence)
{
	bd_auto_free double *p = bd_alloc((doc->cells_len + 1) * sizeof *p),
			    *adjusted = bd_alloc((doc->cells_len + 1) * sizeof *adjusted);
	for (size_t i = 0; i < doc->cells_len; i++)
		p[i] = doc->cells[i].ratio ? doc->cells[i].p : (double)NAN;
	bd_stats_adjust(p, doc->cells_len, adjusted);
	for (size_t i = 0; i < doc->cells_len; i++) {
		struct bd_cell_result *c = &doc->cells[i];
		if (!c->ratio)
			continue;
		c->p_adjusted = adjusted[i];
		c->equivalence = limit_for(doc, v[i].second_process, equivalence);
		c->verdict = bd_strdup(verdict_of(c, v[i].explained != NULL));
		if (!v[i].explained)
			continue;
		*BD_PUSH(c->notes, c->notes_len) = *v[i].explained;
		free(BD_TAKE_PTR(v[i].explained));
	}
}
